# Writes a C file with the files of a page in it, as PREFIX_html, PREFIX_style and so on of page/page_source.h:
#     cmake -D OUT=report_source.c -D PREFIX=report -D HTML=file -D STYLE=file|... -D SCRIPT=file|... -P embed.cmake
# Files of one part are put together in the order given; those of the script are one script, with names that no other
# has to do with. (Not a module: such a script waits for the end of the page, whose first screen can be seen long
# before. Arrays of numbers: a string may have no more than 4095 characters in standard C.)
set(text "#include \"page/page_source.h\"\n")
foreach(part HTML STYLE SCRIPT WORKLET API)
  if(NOT DEFINED ${part})
    continue()
  endif()
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
         "const struct page_source ${PREFIX}_${name} = {${name}_bytes, ${length}};\n")
endforeach()
file(WRITE ${OUT} "${text}")
