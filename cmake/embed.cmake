# Writes a C file with the files of the report's page in it:
#     cmake -D OUT=page_source.c -D HTML=file -D STYLE=file -D SCRIPT=file|file|... -P embed.cmake
# The files of the script are one script, in the order given. (Arrays of numbers: a string may have no more
# than 4095 characters in standard C.)
set(text "#include \"eval/page_source.h\"\n")
foreach(part HTML STYLE SCRIPT)
  string(REPLACE "|" ";" files "${${part}}")
  set(hex "")
  foreach(file ${files})
    file(READ ${file} content HEX)
    string(APPEND hex ${content})
  endforeach()
  string(LENGTH "${hex}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(TOLOWER ${part} name)
  string(APPEND text "static const unsigned char ${name}_bytes[] = {${bytes}0};\n"
         "const struct page_source page_${name} = {${name}_bytes, ${length}};\n")
endforeach()
file(WRITE ${OUT} "${text}")
