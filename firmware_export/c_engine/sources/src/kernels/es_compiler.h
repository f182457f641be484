/* es_compiler.h: what kernels ask of the compiler, beyond C99; others ignore it. */
#ifndef ES_COMPILER_H
#define ES_COMPILER_H

#if defined(__GNUC__)
/* Tiles are compiled into the loops over them: what does not change is kept in registers. */
#define ES_INLINE inline __attribute__((always_inline))
/* Short loops over registers have to vanish, at any level of optimisation. */
#define ES_UNROLL _Pragma("GCC unroll 16")
/* Products of what has been loaded come before the next loads: compilers would move loads to the
 * front and run out of registers. */
#define ES_KEEP(sum) __asm__ volatile("" : "+r"(sum) : : "memory")
/* A function of assembly, with nothing around it, and a parameter of one. */
#define ES_ASSEMBLY __attribute__((naked, noinline))
#define ES_REGISTER __attribute__((unused))
#define ES_ALIGNED_TO_WORDS __attribute__((aligned(4)))
#else
#define ES_INLINE inline
#define ES_UNROLL
#define ES_KEEP(sum) ((void)0)
#endif

#endif
