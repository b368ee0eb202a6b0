# package.cmake -- what is installed beside the program, and the Debian package (cpack -G DEB).
# Included by CMakeLists.txt when the program is built.
set(package_dir ${CMAKE_CURRENT_LIST_DIR})

# Manual pages and completions come from the option tables of the program that was just built.
if(NOT IFLOW_SANITIZE)
  set(pages ${CMAKE_BINARY_DIR}/package)
  file(GLOB meta CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lua/iflow/meta/*.lua)
  set(writers annotations html lua_manual manual pages reference roff)
  list(TRANSFORM writers PREPEND ${package_dir}/)
  list(TRANSFORM writers APPEND .lua)
  list(APPEND writers ${package_dir}/reference.css)
  add_custom_command(OUTPUT ${pages}/written
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
    COMMAND ${CMAKE_COMMAND} -E env --unset=IFLOW_LUADIR $<TARGET_FILE:iflow_host> run
            ${package_dir}/pages.lua -- ${pages} ${CMAKE_SOURCE_DIR}/lua/iflow/meta
    COMMAND ${CMAKE_COMMAND} -E touch ${pages}/written
    DEPENDS iflow_host ${writers} ${meta}
    COMMENT "Writing manual pages and completions" VERBATIM)
  add_custom_target(pages ALL DEPENDS ${pages}/written)

  install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          FILES_MATCHING PATTERN "*.1")
  install(FILES ${pages}/man/iflow.3lua DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
  install(FILES ${pages}/iflow.bash RENAME iflow
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${pages}/_iflow DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${pages}/iflow.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# The unit names the program where it is installed.
install(CODE "
  set(unit \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/iflow@.service\")
  file(READ \"${package_dir}/iflow@.service\" text)
  get_filename_component(prefix \"\${CMAKE_INSTALL_PREFIX}\" ABSOLUTE)
  string(REPLACE /usr/bin/iflow \"\${prefix}/${CMAKE_INSTALL_BINDIR}/iflow\"
         text \"\${text}\")
  file(WRITE \"\${unit}\" \"\${text}\")
  file(CHMOD \"\${unit}\" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  message(STATUS \"Installing: \${unit}\")
")
if(NOT IFLOW_SANITIZE)
  install(FILES ${pages}/reference.html DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(IFLOW_STATIC)
  install(FILES ${IFLOW_STATIC_DIR}/COPYING DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME COPYING.curl)
endif()
install(FILES ${package_dir}/iflow.env ${package_dir}/alerts.yml
        ${package_dir}/grafana-dashboard.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY scripts/senders DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The package is made from what is built already: cpack -G DEB in the build directory.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME iflow)
set(CPACK_PACKAGE_CONTACT "the iflow authors <iflow@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "sender runtime for SAP Integration Suite")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${package_dir}/debian.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, lua-argparse, tzdata")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "lua5.4")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Sends messages to integration flows: gets the OAuth token with a client
secret or a certificate, calls the flow, repairs what can be repaired, repeats
by SAP's own rules, and keeps every message on disk until it is delivered.
Senders are short Lua scripts; a sandbox tenant to try them is built in.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${package_dir}/conffiles ${package_dir}/postinst
    ${package_dir}/prerm ${package_dir}/postrm)
set(CPACK_PROJECT_CONFIG_FILE ${package_dir}/depends.cmake)
set(CPACK_IFLOW_PACKAGE_DIR ${package_dir})
set(CPACK_IFLOW_BINARIES ${CMAKE_BINARY_DIR}/bin/iflow ${CMAKE_BINARY_DIR}/iflow/core.so)
include(CPack)
