/* conv_rows_bare.c: conv_rows.c (its main renamed conv_rows) on a bare board that prints by
 * semihosting and takes no arguments: SEEDS consecutive seeds, COUNT layers each. */
#include <stdio.h>

int conv_rows(int count, char **words);
void initialise_monitor_handles(void); /* of newlib's rdimon */

static void run(int seed)
{
    char number[12], layers[12], name[] = "conv_rows";
    char *words[] = { name, number, layers };
    sprintf(number, "%d", seed);
    sprintf(layers, "%d", COUNT);
    conv_rows(3, words);
}

int main(void)
{
    initialise_monitor_handles();
    for (int seed = 0; seed < SEEDS; seed++) {
        run(seed);
    }
    fflush(stdout);
    return 0;
}
