/* count_instructions.c: a plugin for qemu that counts the guest's instructions between two marks.
 *
 * Each time the guest calls es_measure_begin and then es_measure_end, one line goes to the file:
 * "total <instructions>". With profile=on, lines "<function> <instructions>" follow it. The
 * marks themselves are not counted; the call of the second one is. Single-core guests only.
 * With whole=on there are no marks: one line at the end, for programs that are not ours.
 *
 *     qemu-arm -plugin libcount.so,out=FILE[,profile=on|,whole=on] PROGRAM
 *
 * qemu's plugin header is packaged nowhere, so the few functions needed are declared here. They
 * are the same in every version of the interface so far; the version itself is given by the
 * build (PLUGIN_VERSION), because qemu 9 refuses 1 and older ones refuse 2.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
typedef struct translated_block translated_block;
typedef struct instruction instruction;
typedef void (*translation_callback)(plugin_id id, translated_block *block);
typedef void (*execution_callback)(unsigned int core, void *data);
typedef void (*exit_callback)(plugin_id id, void *data);
enum { NO_REGISTERS = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translation_callback callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(translated_block *block,
                                                 execution_callback callback, int flags,
                                                 void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id, exit_callback callback, void *data);
extern size_t qemu_plugin_tb_n_insns(const translated_block *block);
extern instruction *qemu_plugin_tb_get_insn(const translated_block *block, size_t index);
extern const char *qemu_plugin_insn_symbol(const instruction *insn);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;

typedef struct function {
    char *name;
    uint64_t count;
    struct function *next;
} function;

/* What the guest's blocks are counted into; one function appears once. */
typedef struct {
    uint64_t instructions;
    function *owner;
} block_info;

static FILE *out;
static bool profile, whole;
static uint64_t total, total_at_begin;
static function *functions;

static function *find_function(const char *name)
{
    for (function *f = functions; f != NULL; f = f->next) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    function *made = calloc(1, sizeof *made);
    made->name = strdup(name);
    made->next = functions;
    functions = made;
    return made;
}

static void count_block(unsigned int core, void *data)
{
    block_info *info = data;
    (void)core;
    total += info->instructions;
    info->owner->count += info->instructions;
}

static void begin(unsigned int core, void *data)
{
    count_block(core, data);
    total_at_begin = total;
    for (function *f = functions; f != NULL; f = f->next) {
        f->count = 0;
    }
}

static void end(unsigned int core, void *data)
{
    fprintf(out, "total %" PRIu64 "\n", total - total_at_begin);
    for (function *f = functions; profile && f != NULL; f = f->next) {
        if (f->count > 0) {
            fprintf(out, "%s %" PRIu64 "\n", f->name, f->count);
        }
    }
    fflush(out);
    count_block(core, data);
}

/* Python and its libraries start threads, if only to let them wait. */
static void count_anything(unsigned int core, void *data)
{
    (void)core;
    __atomic_fetch_add(&total, (uintptr_t)data, __ATOMIC_RELAXED);
}

static void translate_anything(plugin_id id, translated_block *block)
{
    void *instructions = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, count_anything, NO_REGISTERS, instructions);
}

static void at_exit(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    fprintf(out, "total %" PRIu64 "\n", total);
    fflush(out);
}

/* A call ends a block of the guest's code, so both marks begin one. */
static void translate(plugin_id id, translated_block *block)
{
    const char *symbol = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(block, 0));
    block_info *info = malloc(sizeof *info); /* for as long as the guest's code may run */
    execution_callback callback = count_block;
    (void)id;
    if (symbol == NULL || *symbol == '\0') {
        symbol = "?";
    }
    info->instructions = qemu_plugin_tb_n_insns(block);
    info->owner = find_function(symbol);
    if (strcmp(symbol, "es_measure_begin") == 0) {
        callback = begin;
    } else if (strcmp(symbol, "es_measure_end") == 0) {
        callback = end;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(block, callback, NO_REGISTERS, info);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info,
                                                               int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strcmp(argv[i], "profile=on") == 0) {
            profile = true;
        } else if (strcmp(argv[i], "whole=on") == 0) {
            whole = true;
        } else {
            fprintf(stderr, "count_instructions: unknown option %s\n", argv[i]);
            return -1;
        }
    }
    if (out == NULL) {
        fprintf(stderr, "count_instructions: out=FILE is missing or cannot be written\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, whole ? translate_anything : translate);
    if (whole) {
        qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    }
    return 0;
}
