# Writes a C file with the files of the report's page in it:
#     cmake -D OUT=page_source.c -D HTML=file -D STYLE=file -D SCRIPT=file|file|... -P embed.cmake
# The files of the script are one script, in the order given, with names that no other has to do with. (Not a
# module: such a script waits for the end of the page, whose first screen can be seen long before. Arrays of numbers: a string may have no more
# than 4095 characters in standard C.)
set(text "#include \"eval/page_source.h\"\n")
foreach(part HTML STYLE SCRIPT)
  string(REPLACE "|" ";" files "${${part}}")
  set(hex "")
  foreach(file ${files})
    file(READ ${file} content HEX)
    string(APPEND hex ${content})
  endforeach()
  if(part STREQUAL SCRIPT)
    string(HEX "(() => {\n\"use strict\";\n" begin)
    string(HEX "})();\n" end)
    set(hex "${begin}${hex}${end}")
  endif()
  string(LENGTH "${hex}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(TOLOWER ${part} name)
  string(APPEND text "static const unsigned char ${name}_bytes[] = {${bytes}0};\n"
         "const struct page_source page_${name} = {${name}_bytes, ${length}};\n")
endforeach()
file(WRITE ${OUT} "${text}")
