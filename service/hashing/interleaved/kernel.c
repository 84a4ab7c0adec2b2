/* The interleaved bcrypt kernel. Algorithm: Provos and Mazieres, "A Future-Adaptable Password Scheme", USENIX 1999.
 *
 * One bcrypt waits most of its time for the S-box words of one Blowfish round, which the next round depends on. Rounds
 * of other, independent computations fill that time, so four of them take little longer than one.
 *
 * The loops over `width` lanes have constant bounds after inlining and are unrolled: the halves of all blocks then stay
 * in registers.
 */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */
#include "kernel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pi_tables.h"

#if !defined(__GNUC__)
#error "the kernel needs GNU C (gcc or clang): inline assembly orders its rounds"
#endif
#if defined(BCRYPT_ROLLED) /* the sanitizers would instrument each copy: their build then takes a minute */
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

enum { P_WORDS = 18, BOXES = 4, BOX_WORDS = 256, S_WORDS = BOXES * BOX_WORDS, SALT_WORDS = 4, MAGIC_WORDS = 6, PAGE = 4096 };

/* Lanes that are a multiple of 4096 bytes apart would compete for the same sets of the first-level cache. A lane is an
 * odd number of cache lines, so that equal words of different lanes are in different sets. */
typedef struct {
    uint32_t s[BOXES][BOX_WORDS];
    uint32_t p[P_WORDS];
    uint32_t key[P_WORDS];  /* the password, repeated with its NUL */
    uint32_t salt[P_WORDS]; /* the salt, repeated */
    uint64_t left;          /* iterations */
    uint64_t ticket;
    uint32_t fresh;         /* not 0 before the first step */
    uint32_t padding[21];
} lane;
_Static_assert(sizeof(lane) % 64 == 0 && sizeof(lane) / 64 % 2 == 1, "a lane is an odd number of cache lines");

struct bcrypt_engine {
    lane lanes[BCRYPT_LANES]; /* those that are taken come first */
    unsigned live;
};

void bcrypt_wipe(void *memory, uint64_t length) {
    memset(memory, 0, (size_t)length);
    __asm__ volatile("" : : "r"(memory) : "memory"); /* the compiler must assume that the zeros are read */
}

static uint32_t big_endian(const uint8_t bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Blowfish's F. A masked byte as size_t spares the compiler an extension of every index. */
INLINE uint32_t substitute(const uint32_t s[BOXES][BOX_WORDS], uint32_t x) {
    return ((s[0][x >> 24] + s[1][(size_t)(x >> 16 & 255)]) ^ s[2][(size_t)(x >> 8 & 255)]) + s[3][(size_t)(x & 255)];
}

/* One round. The empty assembly keeps the compiler from merging the two XORs or moving them behind other lanes'
 * rounds, which undoes the interleaving. */
INLINE void feistel(const lane *one, unsigned index, uint32_t from, uint32_t *into) {
    uint32_t word = *into ^ one->p[index];
    __asm__("" : "+r"(word));
    *into = word ^ substitute(one->s, from);
}

/* Encrypts one block in each lane, in place. */
INLINE void encrypt(const lane *lanes, const unsigned width, uint32_t left[], uint32_t right[]) {
    UNROLL for (unsigned n = 0; n < width; n++) left[n] ^= lanes[n].p[0];
    UNROLL for (unsigned i = 1; i < 17; i += 2) {
        UNROLL for (unsigned n = 0; n < width; n++) feistel(&lanes[n], i, left[n], &right[n]);
        UNROLL for (unsigned n = 0; n < width; n++) feistel(&lanes[n], i + 1, right[n], &left[n]);
    }
    UNROLL for (unsigned n = 0; n < width; n++) {
        uint32_t swapped = right[n] ^ lanes[n].p[17];
        right[n] = left[n];
        left[n] = swapped;
    }
}

/* Replaces P and S of each lane by the ciphertexts of a chain that starts with zeros. */
INLINE void replace_tables(lane *lanes, const unsigned width) {
    uint32_t left[BCRYPT_LANES] = {0}, right[BCRYPT_LANES] = {0};
    for (unsigned i = 0; i < P_WORDS; i += 2) {
        encrypt(lanes, width, left, right);
        UNROLL for (unsigned n = 0; n < width; n++) {
            lanes[n].p[i] = left[n];
            lanes[n].p[i + 1] = right[n];
        }
    }
    for (unsigned i = 0; i < S_WORDS; i += 2) {
        encrypt(lanes, width, left, right);
        UNROLL for (unsigned n = 0; n < width; n++) {
            uint32_t *word = &lanes[n].s[i / BOX_WORDS][i % BOX_WORDS];
            word[0] = left[n];
            word[1] = right[n];
        }
    }
}

INLINE void iterate(lane *lanes, const unsigned width, uint64_t iterations) {
    while (iterations--) {
        for (unsigned n = 0; n < width; n++)
            for (unsigned i = 0; i < P_WORDS; i++) lanes[n].p[i] ^= lanes[n].key[i];
        replace_tables(lanes, width);
        for (unsigned n = 0; n < width; n++)
            for (unsigned i = 0; i < P_WORDS; i++) lanes[n].p[i] ^= lanes[n].salt[i];
        replace_tables(lanes, width);
    }
}

/* One function for each width, so that the width is a constant inside. */
#define ITERATE(width) \
    static __attribute__((noinline)) void iterate_##width(lane *lanes, uint64_t n) { iterate(lanes, width, n); }
ITERATE(1)
ITERATE(2)
ITERATE(3)
ITERATE(4)
static void (*const iterate_width[BCRYPT_LANES + 1])(lane *, uint64_t) = {
    NULL, iterate_1, iterate_2, iterate_3, iterate_4};

/* The first expansion of bcrypt's key schedule (EksBlowfishSetup): the only one that mixes the salt into the chain. */
static void expand_with_salt(lane *one) {
    uint32_t left = 0, right = 0;
    unsigned half = 0;
    memcpy(one->s, PI_S, sizeof one->s);
    for (unsigned i = 0; i < P_WORDS; i++) one->p[i] = PI_P[i] ^ one->key[i];
    for (unsigned i = 0; i < P_WORDS + S_WORDS; i += 2, half ^= 2) {
        left ^= one->salt[half];
        right ^= one->salt[half + 1];
        encrypt(one, 1, &left, &right);
        unsigned k = i - P_WORDS;
        uint32_t *word = i < P_WORDS ? &one->p[i] : &one->s[k / BOX_WORDS][k % BOX_WORDS];
        word[0] = left;
        word[1] = right;
    }
    one->fresh = 0;
}

/* Encrypts "OrpheanBeholderScryDoubt" 64 times and writes it in big-endian order. */
static void write_digest(const lane *one, uint8_t digest[BCRYPT_DIGEST_BYTES]) {
    uint32_t words[MAGIC_WORDS] = {0x4f727068, 0x65616e42, 0x65686f6c, 0x64657253, 0x63727944, 0x6f756274};
    for (unsigned i = 0; i < MAGIC_WORDS; i += 2)
        for (unsigned n = 0; n < 64; n++) encrypt(one, 1, &words[i], &words[i + 1]);
    for (unsigned i = 0; i < BCRYPT_DIGEST_BYTES; i++) digest[i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
    bcrypt_wipe(words, sizeof words);
}

/* Frees lane `n`: the last lane takes its place, and the last place is wiped. */
static void leave(bcrypt_engine *engine, unsigned n) {
    unsigned last = --engine->live;
    if (n != last) memcpy(&engine->lanes[n], &engine->lanes[last], sizeof(lane));
    bcrypt_wipe(&engine->lanes[last], sizeof(lane));
}

bcrypt_engine *bcrypt_engine_new(void) {
    void *memory = NULL;
    if (posix_memalign(&memory, PAGE, sizeof(bcrypt_engine))) return NULL;
    memset(memory, 0, sizeof(bcrypt_engine));
    return memory;
}

void bcrypt_engine_free(bcrypt_engine *engine) {
    if (!engine) return;
    bcrypt_wipe(engine, sizeof *engine);
    free(engine);
}

unsigned bcrypt_engine_live(const bcrypt_engine *engine) { return engine->live; }

static unsigned find(const bcrypt_engine *engine, uint64_t ticket) {
    unsigned n = 0;
    while (n < engine->live && engine->lanes[n].ticket != ticket) n++;
    return n;
}

bcrypt_status bcrypt_engine_add(bcrypt_engine *engine, const bcrypt_job *job) {
    if (engine->live >= BCRYPT_LANES) return BCRYPT_FULL;
    if (job->key_length > BCRYPT_KEY_BYTES) return BCRYPT_BAD_KEY;
    if (job->cost < BCRYPT_MIN_COST || job->cost > BCRYPT_MAX_COST) return BCRYPT_BAD_COST;
    if (find(engine, job->ticket) < engine->live) return BCRYPT_BAD_TICKET;
    lane *one = &engine->lanes[engine->live++];
    uint8_t key[BCRYPT_KEY_BYTES] = {0}; /* one NUL ends a password that is shorter */
    unsigned period = job->key_length < BCRYPT_KEY_BYTES ? job->key_length + 1 : BCRYPT_KEY_BYTES;
    memcpy(key, job->key, job->key_length);
    for (unsigned i = job->key_length + 1; i < BCRYPT_KEY_BYTES; i++) key[i] = key[i - period];
    for (unsigned i = 0; i < P_WORDS; i++) {
        one->key[i] = big_endian(key + 4 * i);
        one->salt[i] = big_endian(job->salt + 4 * (i % SALT_WORDS));
    }
    bcrypt_wipe(key, sizeof key);
    one->left = (uint64_t)1 << job->cost;
    one->ticket = job->ticket;
    one->fresh = 1;
    return BCRYPT_OK;
}

int bcrypt_engine_discard(bcrypt_engine *engine, uint64_t ticket) {
    unsigned n = find(engine, ticket);
    if (n == engine->live) return 0;
    leave(engine, n);
    return 1;
}

unsigned bcrypt_engine_step(bcrypt_engine *engine, unsigned iterations, bcrypt_result results[BCRYPT_LANES]) {
    uint64_t most = iterations < BCRYPT_MAX_STEP ? iterations : BCRYPT_MAX_STEP;
    unsigned finished = 0;
    if (!engine->live || !most) return 0;
    for (unsigned n = 0; n < engine->live; n++) {
        if (engine->lanes[n].fresh) expand_with_salt(&engine->lanes[n]);
        if (engine->lanes[n].left < most) most = engine->lanes[n].left;
    }
    iterate_width[engine->live](engine->lanes, most);
    for (unsigned n = engine->live; n-- > 0;) {
        lane *one = &engine->lanes[n];
        one->left -= most;
        if (one->left) continue;
        results[finished].ticket = one->ticket;
        write_digest(one, results[finished++].digest);
        leave(engine, n);
    }
    return finished;
}
