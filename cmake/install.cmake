# What `cmake --install` puts into a prefix: the program, both libraries with their headers, what finds them
# (pkg-config, find_package), the manual. Nothing in it names the prefix, so that an installed tree may move.
include(CMakePackageConfigHelpers)

if(TARGET potstill_cli)
  install(TARGETS potstill_cli)
endif()

# Where the shells look for what completes a command line. The program writes it: not in a build for another
# processor.
if(TARGET potstill_cli AND NOT CMAKE_CROSSCOMPILING)
  set(completions bash-completion/completions/potstill zsh/site-functions/_potstill
      fish/vendor_completions.d/potstill.fish)
  foreach(file ${completions})
    string(REGEX REPLACE "^([a-z]+).*" "\\1" shell ${file})
    get_filename_component(folder ${file} DIRECTORY)
    set(made ${PROJECT_BINARY_DIR}/completions)
    install(CODE "
      file(MAKE_DIRECTORY \"${made}/${folder}\")
      execute_process(COMMAND \"$<TARGET_FILE:potstill_cli>\" completion ${shell}
                      OUTPUT_FILE \"${made}/${file}\" COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES ${made}/${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
  endforeach()
endif()
install(TARGETS potstill_shared EXPORT potstill-shared INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS potstill_static EXPORT potstill-static INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES include/potstill.h include/potstill_tools.h TYPE INCLUDE)
install(FILES docs/potstill.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# The libraries that ours is linked with, as this build calls them and as pkg-config does. `pkg-config --static` follows
# a module down to all that is in its archive. Where the system lacks a part of that (Debian's libcurl4-openssl-dev does
# without what only libcurl.a needs), the library itself is named and no more: it comes as a shared one.
get_target_property(links potstill_static LINK_LIBRARIES)
list(FILTER links INCLUDE REGEX "^PkgConfig::")
list(TRANSFORM links REPLACE "^PkgConfig::" "")
foreach(name ${links})
  list(APPEND static_packages ${name}=${${name}_MODULE_NAME})
  set(whole TRUE)
  foreach(library ${${name}_STATIC_LIBRARIES})
    find_library(found ${library} HINTS ${${name}_STATIC_LIBRARY_DIRS} NO_CACHE)
    if(NOT found)
      set(whole FALSE)
    endif()
    unset(found)
  endforeach()
  if(whole)
    string(APPEND static_modules " ${${name}_MODULE_NAME}")
  else()
    foreach(flag ${${name}_LDFLAGS})
      string(REGEX REPLACE "^-L" "" folder "${flag}")
      if(NOT folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
        string(APPEND static_flags " ${flag}")
      endif()
    endforeach()
  endif()
endforeach()
list(JOIN static_packages " " static_packages)
if(APPLE)
  string(APPEND static_flags " -framework Foundation -framework CoreML -framework CoreVideo")
endif()

file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file(cmake/potstill.pc.in potstill.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/potstill.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# A program built with 0.x works with any later 0.x of the same major number: structs of options carry their size.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/potstill)
configure_package_config_file(cmake/potstill-config.cmake.in potstill-config.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/potstill-config-version.cmake
                                 COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/potstill-config.cmake ${PROJECT_BINARY_DIR}/potstill-config-version.cmake
        DESTINATION ${package_folder})
foreach(kind shared static)
  install(EXPORT potstill-${kind} NAMESPACE potstill:: DESTINATION ${package_folder})
endforeach()
