"""Reads [document, rewritten] as JSON, one pair a line. Writes for each pair, as JSON, the document in
the shape of iflow.xml, and whether the rewritten one is the same but for white space between elements.
Names are {uri}local. For spec/system/transform_xml_differential_spec.lua."""
import json
import sys
import xml.etree.ElementTree as ElementTree

BLANK = " \t\r\n"


def pieces(element):
    """The content of an element: texts and elements, empty texts left out."""
    found = [element.text or ""]
    for child in element:
        found += [child, child.tail or ""]
    return [piece for piece in found if piece != ""]


def solid(content):
    """Content without white space where it does not count: between elements."""
    if not any(not isinstance(piece, str) for piece in content):
        return content
    if any(isinstance(piece, str) and piece.strip(BLANK) for piece in content):
        return content
    return [piece for piece in content if not isinstance(piece, str)]


def shape(element):
    content = solid(pieces(element))
    value = {"@" + name: text for name, text in element.attrib.items()}
    texts = [piece for piece in content if isinstance(piece, str)]
    if len(texts) == len(content):
        if not value:
            return "".join(texts)
        if texts:
            value["#text"] = "".join(texts)
    elif texts:
        value["#mixed"] = [
            piece if isinstance(piece, str) else {piece.tag: shape(piece)} for piece in content
        ]
    else:
        members = {}
        for child in content:
            members.setdefault(child.tag, []).append(shape(child))
        for name, members_of_name in members.items():
            value[name] = members_of_name if len(members_of_name) > 1 else members_of_name[0]
    return value


def same(one, other):
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if one.tag != other.tag or one.attrib != other.attrib:
        return False
    left, right = solid(pieces(one)), solid(pieces(other))
    return len(left) == len(right) and all(map(same, left, right))


def main():
    for line in open(sys.argv[1], newline="\n", encoding="utf-8"):
        document, rewritten = json.loads(line)
        root, again = ElementTree.fromstring(document), ElementTree.fromstring(rewritten)
        print(json.dumps({"value": {root.tag: shape(root)}, "same": same(root, again)}))


main()
