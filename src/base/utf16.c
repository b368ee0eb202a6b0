/* utf16.c -- see utf16.h. Nothing is converted: the file would go on to be read by others. */
#include "base/utf16.h"

#include "base/error.h"

static bool has_mark(const unsigned char *s)
{
  return (s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff);
}

bool ifl_utf16_found(const void *data, size_t n)
{
  const unsigned char *s = data;
  if (n < 4) return false;
  if (has_mark(s)) return true;
  return (s[0] != 0 && s[1] == 0 && s[2] != 0 && s[3] == 0) ||
         (s[0] == 0 && s[1] != 0 && s[2] == 0 && s[3] != 0);
}

int ifl_fail_utf16(iflow_error *err, int code, const void *data)
{
  const unsigned char *s = data;
  const char *form = has_mark(s) ? "UTF-16" : s[0] == 0 ? "UTF-16BE" : "UTF-16LE";
  ifl_fail(err, code, "the text is in UTF-16, as Notepad and PowerShell write it");
  ifl_hint(err,
           "save it as UTF-8 or ANSI: in Notepad under Save as > Encoding, in PowerShell with "
           "Set-Content -Encoding ascii; or here: iconv -f %s -t UTF-8 FILE > NEWFILE",
           form);
  return code;
}
