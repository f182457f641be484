/* es_exact.h: a product and a sum are rounded each, whatever flags a build system passes.
 *
 * GCC fuses them into one instruction unless -ffp-contract=off or this says otherwise, and the bits
 * would differ from other machines'. Included first by every file that computes with floats:
 * Arduino gives a library no say in its flags.
 */
#ifndef ES_EXACT_H
#define ES_EXACT_H

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#endif
