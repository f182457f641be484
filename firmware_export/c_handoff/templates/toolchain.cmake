# CMake's description of @{name} for @{compiler}:
#     cmake -B build -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake
set(CMAKE_SYSTEM_NAME @{system})
set(CMAKE_SYSTEM_PROCESSOR @{processor})
@{compiler_lines}
set(CMAKE_C_FLAGS_INIT "@{cpu}")
