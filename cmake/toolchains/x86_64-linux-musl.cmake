# Static C++20 programs against musl. A whole cross toolchain on PATH is used as it is; where there is
# none, make-musl-toolchain.sh makes one from Debian packages under build/musl.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

find_program(KA_MUSL_CXX x86_64-linux-musl-g++)
if(KA_MUSL_CXX)
  set(CMAKE_CXX_COMPILER "${KA_MUSL_CXX}")
  # It does not know this machine's header-only libraries, nor may it see all of /usr/include, which is glibc's.
  set(ka_headers "${CMAKE_BINARY_DIR}/header-only")
  file(MAKE_DIRECTORY "${ka_headers}")
  foreach(header boost nlohmann CLI xxhash.h)
    file(CREATE_LINK "/usr/include/${header}" "${ka_headers}/${header}" SYMBOLIC)
  endforeach()
  set(CMAKE_CXX_FLAGS_INIT "-idirafter ${ka_headers}")
else()
  get_filename_component(ka_musl_prefix "${CMAKE_CURRENT_LIST_DIR}/../../build/musl" ABSOLUTE)
  execute_process(
    COMMAND "${CMAKE_CURRENT_LIST_DIR}/make-musl-toolchain.sh" "${ka_musl_prefix}"
    RESULT_VARIABLE ka_musl_result)
  if(NOT ka_musl_result EQUAL 0)
    message(FATAL_ERROR "no x86_64-linux-musl-g++ on PATH, and make-musl-toolchain.sh could not make one")
  endif()
  set(CMAKE_CXX_COMPILER "${ka_musl_prefix}/bin/x86_64-linux-musl-g++")
  # Link-time optimization wants these; CMake looks for them under the compiler's name only.
  find_program(CMAKE_CXX_COMPILER_AR gcc-ar REQUIRED)
  find_program(CMAKE_CXX_COMPILER_RANLIB gcc-ranlib REQUIRED)
endif()
# Hardened as Debian hardens its programs, as far as a static one can be: at any address, everything that is not changed
# after the start read-only, no page both writable and executable. musl has no _FORTIFY_SOURCE.
string(APPEND CMAKE_CXX_FLAGS_INIT " -fPIE")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-pie -s -Wl,-z,relro,-z,now,-z,noexecstack")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
