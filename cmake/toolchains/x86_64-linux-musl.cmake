# Static C++20 programs against musl. A whole cross toolchain on PATH is used as it is; where there is
# none, make-musl-toolchain.sh makes one from Debian packages under build/musl.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

find_program(KA_MUSL_CXX x86_64-linux-musl-g++)
if(NOT KA_MUSL_CXX)
  set(ka_musl_prefix "${CMAKE_CURRENT_LIST_DIR}/../../build/musl")
  execute_process(
    COMMAND "${CMAKE_CURRENT_LIST_DIR}/make-musl-toolchain.sh" "${ka_musl_prefix}"
    RESULT_VARIABLE ka_musl_result)
  if(NOT ka_musl_result EQUAL 0)
    message(FATAL_ERROR "no x86_64-linux-musl-g++ on PATH, and make-musl-toolchain.sh could not make one")
  endif()
  file(REAL_PATH "${ka_musl_prefix}/bin/x86_64-linux-musl-g++" ka_made_cxx)
  set(KA_MUSL_CXX "${ka_made_cxx}" CACHE FILEPATH "the C++ compiler for musl" FORCE)
endif()
set(CMAKE_CXX_COMPILER "${KA_MUSL_CXX}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -s")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
