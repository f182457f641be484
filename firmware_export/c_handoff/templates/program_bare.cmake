  add_executable(edge-ser-demo.elf
    @{demo_sources_lines})
  target_include_directories(edge-ser-demo.elf PRIVATE device src)
  target_compile_options(edge-ser-demo.elf PRIVATE
    ${EDGE_SER_OPTIONS} -ffunction-sections -fdata-sections@{bare_flags_cmake}@{demo_defines})
  set_target_properties(edge-ser-demo.elf PROPERTIES
    C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
    LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/device/@{script})
  target_link_libraries(edge-ser-demo.elf PRIVATE edge_ser -nostdlib -Wl,--gc-sections -Wl,-n
    -L${CMAKE_CURRENT_SOURCE_DIR}/device -T${CMAKE_CURRENT_SOURCE_DIR}/device/@{script} -lgcc)
