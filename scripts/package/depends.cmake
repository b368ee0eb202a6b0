# depends.cmake -- read by CPack before it begins: the packages whose libraries the program and the
# module are linked with. CPACK_DEBIAN_PACKAGE_SHLIBDEPS does the same, but asks file(1) about each of
# some 600 files, which takes half a minute.
if(CPACK_GENERATOR STREQUAL DEB)
  set(work ${CPACK_PACKAGE_DIRECTORY}/shlibdeps)
  file(WRITE ${work}/debian/control "Source: iflow\nPackage: iflow\nArchitecture: any\n")
  execute_process(COMMAND dpkg-shlibdeps -O ${CPACK_IFLOW_BINARIES} WORKING_DIRECTORY ${work}
    OUTPUT_VARIABLE depends COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "^shlibs:Depends=|\n$" "" depends "${depends}")
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", ${depends}")
  file(REMOVE_RECURSE ${work})
endif()
