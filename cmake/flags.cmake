# One interface target carries every compile flag: warnings are errors on gcc and clang alike.
add_library(wb_flags INTERFACE)
target_compile_definitions(wb_flags INTERFACE _GNU_SOURCE WB_VERSION="${PROJECT_VERSION}")
target_include_directories(wb_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(wb_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wformat=2 -Wundef -Wvla
  -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings
  -fno-common -fno-omit-frame-pointer)

if(WB_SANITIZE)
  target_compile_options(wb_flags INTERFACE -fsanitize=${WB_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(wb_flags INTERFACE -fsanitize=${WB_SANITIZE})
endif()
if(WB_FUZZ)
  target_compile_options(wb_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=all)
  target_link_options(wb_flags INTERFACE -fsanitize=address,undefined)
endif()
if(WB_COVERAGE)
  target_compile_options(wb_flags INTERFACE --coverage)
  target_link_options(wb_flags INTERFACE --coverage)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(wb_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE)
  target_link_options(wb_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
