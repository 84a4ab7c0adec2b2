/* Interface of the interleaved bcrypt kernel: one to four computations in one thread.
 *
 * The kernel computes. It parses no text, knows no Python, takes no lock and keeps no global state: an engine belongs
 * to one thread at a time. All memory that depends on a password is wiped before it is reused or freed.
 */
#ifndef INTERLEAVED_KERNEL_H
#define INTERLEAVED_KERNEL_H

#include <stdint.h>

enum {
    BCRYPT_LANES = 4,      /* computations at once; more delay each caller by more than they gain */
    BCRYPT_MAX_STEP = 64,  /* iterations of each lane in one step: about 5 ms, the longest that a new job waits */
    BCRYPT_KEY_BYTES = 72, /* of the password; the caller truncates longer ones */
    BCRYPT_SALT_BYTES = 16,
    BCRYPT_DIGEST_BYTES = 23, /* bcrypt drops the last of 24 bytes */
    BCRYPT_MIN_COST = 4,
    BCRYPT_MAX_COST = 31
};

typedef enum {
    BCRYPT_OK = 0,
    BCRYPT_FULL = -1,       /* every lane is taken */
    BCRYPT_BAD_KEY = -2,    /* longer than BCRYPT_KEY_BYTES */
    BCRYPT_BAD_COST = -3,   /* outside BCRYPT_MIN_COST to BCRYPT_MAX_COST */
    BCRYPT_BAD_TICKET = -4  /* another lane has it */
} bcrypt_status;

typedef struct {
    uint64_t ticket; /* names the job in results; chosen by the caller, unique among the lanes */
    uint32_t cost;   /* 2 to the power of it is the number of iterations */
    uint32_t key_length;
    uint8_t key[BCRYPT_KEY_BYTES];
    uint8_t salt[BCRYPT_SALT_BYTES];
} bcrypt_job;

typedef struct {
    uint64_t ticket;
    uint8_t digest[BCRYPT_DIGEST_BYTES];
} bcrypt_result;

typedef struct bcrypt_engine bcrypt_engine;

/* Returns NULL where there is no memory. */
bcrypt_engine *bcrypt_engine_new(void);

/* Wipes and frees. */
void bcrypt_engine_free(bcrypt_engine *engine);

/* Copies the job into a free lane; its computation starts with the next step. */
bcrypt_status bcrypt_engine_add(bcrypt_engine *engine, const bcrypt_job *job);

/* Wipes the lane of a job that is not wanted any more. Returns whether there was one. */
int bcrypt_engine_discard(bcrypt_engine *engine, uint64_t ticket);

/* Runs every lane for at most `iterations` (and BCRYPT_MAX_STEP), or until the first lane is done. Writes what finished
 * to `results` and returns how many they are. */
unsigned bcrypt_engine_step(bcrypt_engine *engine, unsigned iterations, bcrypt_result results[BCRYPT_LANES]);

/* Returns the number of lanes that are taken. */
unsigned bcrypt_engine_live(const bcrypt_engine *engine);

/* Overwrites memory in a way that the compiler must not remove. */
void bcrypt_wipe(void *memory, uint64_t length);

#endif
