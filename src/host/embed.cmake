# Writes the Lua files as C arrays (struct ifl_embedded_file, see embedded.h):
#   cmake -DROOT=lua -DFILES="lua/a.lua;lua/b.lua" -DOUT=embedded_files.c -P embed.cmake
set(text "/* Made by src/host/embed.cmake from the files of lua/. */\n#include \"host/embedded.h\"\n\n")
set(rows "")
set(number 0)
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # The NUL makes an empty file an array too; it is not counted.
  string(APPEND text "static const unsigned char file_${number}[] = {${bytes}0x00};\n")
  string(APPEND rows "  {\"${name}\", file_${number}, sizeof file_${number} - 1},\n")
  math(EXPR number "${number} + 1")
endforeach()
string(APPEND text "\nconst struct ifl_embedded_file ifl_embedded_files[] = {\n${rows}  {NULL, NULL, 0}};\n")
file(WRITE ${OUT} "${text}")
