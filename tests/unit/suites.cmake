# What CTest runs of the unit tests, written to OUTPUT: a test for each suite of PROGRAM. With a process for each case,
# most of the time would go into starting them.
execute_process(COMMAND "${PROGRAM}" --gtest_list_tests OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\." suites "${listed}")
set(tests "")
foreach(suite IN LISTS suites)
  string(STRIP "${suite}" suite)
  string(REGEX REPLACE "\\.$" "" name "${suite}")
  string(APPEND tests "add_test(unit.${name} [==[${PROGRAM}]==] [==[--gtest_filter=${suite}*]==])\n"
    "set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 600)\n")
endforeach()
file(WRITE "${OUTPUT}" "${tests}")
