  add_executable(edge-ser-live device/edge_ser_live.c)
  target_include_directories(edge-ser-live PRIVATE src)
  set_target_properties(edge-ser-live PROPERTIES
    C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
  target_link_libraries(edge-ser-live PRIVATE edge_ser -static)
  include(GNUInstallDirs)
  install(TARGETS edge_ser edge-ser-live)
  install(FILES include/edge_ser.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
