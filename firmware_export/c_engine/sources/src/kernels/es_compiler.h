/* es_compiler.h: what kernels ask of the compiler, beyond C99; others ignore it. */
#ifndef ES_COMPILER_H
#define ES_COMPILER_H

#if defined(__GNUC__)
/* Tiles are compiled into the loops over them: what does not change is kept in registers. */
#define ES_INLINE inline __attribute__((always_inline))
/* Short loops over registers have to vanish, at any level of optimisation. */
#define ES_UNROLL _Pragma("GCC unroll 16")
#else
#define ES_INLINE inline
#define ES_UNROLL
#endif

#endif
