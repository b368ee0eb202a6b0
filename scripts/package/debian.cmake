# debian.cmake -- run by CPack when everything lies in its staging directory: what a Debian package
# has in other places than an installation of one's own, and what it has besides.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
set(doc ${root}/usr/share/doc/iflow)
set(from ${CPACK_IFLOW_PACKAGE_DIR})

file(COPY ${from}/iflow@.service DESTINATION ${root}/usr/lib/systemd/system)
file(COPY ${from}/iflow.env DESTINATION ${root}/etc/iflow)
file(REMOVE ${doc}/examples/iflow.env ${doc}/LICENSE)
file(MAKE_DIRECTORY ${root}/usr/share/zsh/vendor-completions)
file(RENAME ${root}/usr/share/zsh/site-functions/_iflow
     ${root}/usr/share/zsh/vendor-completions/_iflow)
file(REMOVE_RECURSE ${root}/usr/share/zsh/site-functions)

file(READ ${from}/../../LICENSE license)
string(REGEX REPLACE "^.*\n(Copyright [^\n]*)\n\n" "" terms "${license}")
string(REGEX MATCH "Copyright \\(c\\) ([^\n]*)" _ "${license}")
set(holder ${CMAKE_MATCH_1})
string(REGEX REPLACE "\n+$" "" terms "${terms}")
string(REPLACE "\n\n" "\n.\n" terms "${terms}")
string(REPLACE "\n" "\n " terms "${terms}")
file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: iflow

Files: *
Copyright: ${holder}
License: Expat
 ${terms}
")

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian
"iflow (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Release ${CPACK_PACKAGE_VERSION}; see changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
file(GLOB pages ${root}/usr/share/man/man*/*)
execute_process(COMMAND gzip -9n ${pages} ${doc}/changelog ${doc}/changelog.Debian
                COMMAND_ERROR_IS_FATAL ANY)

file(GLOB_RECURSE files ${doc}/* ${root}/etc/* ${root}/usr/lib/systemd/*)
file(CHMOD ${files} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
