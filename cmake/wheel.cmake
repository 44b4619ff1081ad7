# What Python's wheel holds beside its modules (pyproject.toml): the shared library, the program, and what starts it.
# They come from this build, or from the folder POTSTILL_BUILT of an earlier one: then nothing is compiled.
if(APPLE)
  set(wheel_library libpotstill.dylib)
else()
  set(wheel_library libpotstill.so)
endif()
if(POTSTILL_BUILT)
  set(wheel_from ${POTSTILL_BUILT})
  add_custom_target(wheel)
else()
  set(wheel_from ${PROJECT_BINARY_DIR})
  add_custom_target(wheel DEPENDS potstill_shared potstill_cli)
endif()
# A wheel has no symbolic links: the file behind the name goes in under the name.
install(CODE "
  file(REAL_PATH ${wheel_from}/${wheel_library} library)
  file(MAKE_DIRECTORY \${CMAKE_INSTALL_PREFIX}/potstill/bin)
  configure_file(\${library} \${CMAKE_INSTALL_PREFIX}/potstill/${wheel_library} COPYONLY)
  file(INSTALL ${wheel_from}/potstill DESTINATION \${CMAKE_INSTALL_PREFIX}/potstill/bin USE_SOURCE_PERMISSIONS)
  if(CMAKE_INSTALL_DO_STRIP AND NOT APPLE)
    execute_process(COMMAND strip --strip-unneeded \${CMAKE_INSTALL_PREFIX}/potstill/${wheel_library}
                                  \${CMAKE_INSTALL_PREFIX}/potstill/bin/potstill)
  endif()" COMPONENT wheel)
install(PROGRAMS python/scripts/potstill DESTINATION ${SKBUILD_SCRIPTS_DIR} COMPONENT wheel)
