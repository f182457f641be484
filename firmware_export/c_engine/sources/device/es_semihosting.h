/* es_semihosting.h: a call from a bare core to its debugger or emulator, Arm M-profile or RISC-V.
 *
 * Without one the core stops or faults at the call: never link this into a product.
 */
#ifndef ES_SEMIHOSTING_H
#define ES_SEMIHOSTING_H

#include <stdint.h>

enum {
    ES_SYS_OPEN = 0x01,
    ES_SYS_WRITE = 0x05,
    ES_SYS_READ = 0x06,
    ES_SYS_EXIT_EXTENDED = 0x20,
};

#if defined(__riscv)

static inline uintptr_t es_semihosting_call(uintptr_t operation, const volatile void *argument)
{
    register uintptr_t a0 __asm__("a0") = operation;
    register const volatile void *a1 __asm__("a1") = argument;
    /* The three instructions together are the call: uncompressed and on one page. */
    __asm__ volatile(".balign 16\n"
                     ".option push\n"
                     ".option norvc\n"
                     "slli x0, x0, 0x1f\n"
                     "ebreak\n"
                     "srai x0, x0, 0x7\n"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

#else

static inline uintptr_t es_semihosting_call(uintptr_t operation, const volatile void *argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const volatile void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

#endif
#endif
