# One static library a folder; the link order is the layer table: base <- wire, store <- stage
# <- the four stages <- cli. A folder with no source yet is left out.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(AVRO REQUIRED IMPORTED_TARGET avro-c)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(MAGIC REQUIRED IMPORTED_TARGET libmagic)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(POPT REQUIRED IMPORTED_TARGET popt)

set(WB_LIBRARIES "")

function(wb_library name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  if(NOT sources)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  foreach(dependency IN LISTS ARGN)
    if(TARGET ${dependency} OR NOT dependency MATCHES "^wb_")
      target_link_libraries(${name} PUBLIC ${dependency})
    endif()
  endforeach()
  target_link_libraries(${name} PUBLIC wb_flags)
  set(WB_LIBRARIES ${WB_LIBRARIES} ${name} PARENT_SCOPE)
endfunction()

wb_library(wb_base core/base PkgConfig::OPENSSL PkgConfig::XXHASH PkgConfig::YAML
  PkgConfig::SQLITE PkgConfig::JANSSON Threads::Threads m)
wb_library(wb_wire core/wire wb_base PkgConfig::RDKAFKA PkgConfig::AVRO)
wb_library(wb_store core/store wb_base PkgConfig::CURL PkgConfig::EXPAT)
wb_library(wb_stage core/stage wb_wire wb_store PkgConfig::MICROHTTPD)
wb_library(wb_producer producer wb_stage)
wb_library(wb_planner planner wb_stage wb_wire wb_store)
wb_library(wb_transfer transfer wb_stage PkgConfig::MAGIC)
wb_library(wb_verifier verifier wb_stage)
wb_library(wb_cli cli wb_producer wb_planner wb_transfer wb_verifier PkgConfig::POPT)

# The Avro schemas are compiled in, byte for byte: what is registered and fingerprinted is the file.
file(GLOB WB_SCHEMAS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/*.avsc)
if(TARGET wb_wire)
  set(WB_SCHEMA_HEADER ${PROJECT_BINARY_DIR}/generated/wb_schemas_data.h)
  add_custom_command(OUTPUT ${WB_SCHEMA_HEADER}
    COMMAND ${CMAKE_COMMAND} -DOUT=${WB_SCHEMA_HEADER} -DDIR=${PROJECT_SOURCE_DIR}/schemas
      -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${WB_SCHEMAS} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
  add_custom_target(wb_schemas DEPENDS ${WB_SCHEMA_HEADER})
  add_dependencies(wb_wire wb_schemas)
endif()

if(EXISTS ${PROJECT_SOURCE_DIR}/cli/main.c)
  add_executable(waybill cli/main.c)
  target_link_libraries(waybill PRIVATE wb_cli)
  include(GNUInstallDirs)
  install(TARGETS waybill)
endif()
