/* Driver of the kernel for the sanitizers, without Python. The tests build it with ASan and UBSan.
 *
 *     driver vectors       reads lines "COST SALT KEY DIGEST" (hex, - for an empty key) and checks them in random widths
 *     driver fuzz SEED N   does N random operations, valid and invalid, and checks what the interface promises
 *
 * Every free() of an engine must find its memory wiped. Prints what it did; aborts at the first broken promise.
 */
#define _POSIX_C_SOURCE 200112L /* for kernel.c, before the first header */
#include <stdio.h>
#include <stdlib.h>

static void checked_free(void *memory);
#define free checked_free
#include "../../../service/hashing/interleaved/kernel.c"
#undef free

#define REQUIRE(condition)                                                       \
    do {                                                                         \
        if (!(condition)) {                                                      \
            fprintf(stderr, "line %d: broken promise: %s\n", __LINE__, #condition); \
            abort();                                                             \
        }                                                                        \
    } while (0)

static int all_zero(const void *memory, size_t length) {
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < length; i++)
        if (bytes[i]) return 0;
    return 1;
}

static unsigned long freed;

static void checked_free(void *memory) {
    REQUIRE(all_zero(memory, sizeof(bcrypt_engine)));
    freed++;
    free(memory);
}

/* A free lane holds nothing of the job before it. */
static void require_wiped(const bcrypt_engine *engine) {
    for (unsigned n = engine->live; n < BCRYPT_LANES; n++) REQUIRE(all_zero(&engine->lanes[n], sizeof(lane)));
}

static uint64_t state;

/* xorshift64 (Marsaglia 2003): the runs are the same on every machine. */
static uint32_t chance(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

typedef struct {
    bcrypt_job job;
    uint8_t digest[BCRYPT_DIGEST_BYTES];
} expectation;

static expectation *expectation_of(expectation *expected, uint64_t ticket) {
    for (unsigned i = 0; i < BCRYPT_LANES; i++)
        if (expected[i].job.cost && expected[i].job.ticket == ticket) return &expected[i];
    return NULL;
}

/* One step: what comes back was expected, is right, and is expected no more. Returns how many came. */
static unsigned step(bcrypt_engine *engine, unsigned iterations, expectation *expected) {
    bcrypt_result *results = malloc(BCRYPT_LANES * sizeof *results); /* on the heap, so that ASan guards its ends */
    unsigned before = bcrypt_engine_live(engine), count = bcrypt_engine_step(engine, iterations, results);
    REQUIRE(count <= before && bcrypt_engine_live(engine) == before - count);
    for (unsigned i = 0; i < count; i++) {
        expectation *one = expectation_of(expected, results[i].ticket);
        REQUIRE(one && !memcmp(one->digest, results[i].digest, BCRYPT_DIGEST_BYTES));
        memset(one, 0, sizeof *one);
    }
    free(results);
    require_wiped(engine);
    return count;
}

static void finish(bcrypt_engine *engine, expectation *expected) {
    while (bcrypt_engine_live(engine)) step(engine, BCRYPT_MAX_STEP, expected);
}

/* The same computation alone. */
static void compute_alone(const bcrypt_job *job, uint8_t digest[BCRYPT_DIGEST_BYTES]) {
    bcrypt_engine *engine = bcrypt_engine_new();
    bcrypt_result results[BCRYPT_LANES];
    REQUIRE(engine && bcrypt_engine_add(engine, job) == BCRYPT_OK);
    while (!bcrypt_engine_step(engine, 1000000, results)) continue;
    memcpy(digest, results[0].digest, BCRYPT_DIGEST_BYTES);
    bcrypt_engine_free(engine);
}

static void random_bytes(uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)chance(256);
}

/* Mostly valid. Every field is wrong now and then, up to the ends of its type. */
static bcrypt_job random_job(uint64_t ticket) {
    static const uint32_t costs[] = {0, 1, 3, 32, 33, 64, UINT32_MAX}, lengths[] = {73, 74, 144, 1u << 31, UINT32_MAX};
    bcrypt_job job;
    memset(&job, 0, sizeof job);
    job.ticket = chance(8) ? ticket : chance(4) ? ticket - 1 : UINT64_MAX - chance(2);
    job.cost = chance(8) ? 4 + !chance(8) : costs[chance(7)];
    job.key_length = chance(8) ? chance(BCRYPT_KEY_BYTES + 1) : lengths[chance(5)];
    random_bytes(job.key, sizeof job.key);
    random_bytes(job.salt, sizeof job.salt);
    return job;
}

static int add(bcrypt_engine *engine, const bcrypt_job *job, expectation *expected) {
    unsigned live = bcrypt_engine_live(engine), free_place = 0;
    int used = expectation_of(expected, job->ticket) != NULL;
    bcrypt_status status = bcrypt_engine_add(engine, job);
    if (live == BCRYPT_LANES) REQUIRE(status == BCRYPT_FULL);
    else if (job->key_length > BCRYPT_KEY_BYTES) REQUIRE(status == BCRYPT_BAD_KEY);
    else if (job->cost < BCRYPT_MIN_COST || job->cost > BCRYPT_MAX_COST) REQUIRE(status == BCRYPT_BAD_COST);
    else if (used) REQUIRE(status == BCRYPT_BAD_TICKET);
    else REQUIRE(status == BCRYPT_OK);
    REQUIRE(bcrypt_engine_live(engine) == live + (status == BCRYPT_OK));
    require_wiped(engine);
    if (status != BCRYPT_OK) return 0;
    while (expected[free_place].job.cost) free_place++;
    expected[free_place].job = *job;
    compute_alone(job, expected[free_place].digest);
    return 1;
}

static int discard(bcrypt_engine *engine, uint64_t ticket, expectation *expected) {
    expectation *one = expectation_of(expected, ticket);
    REQUIRE(bcrypt_engine_discard(engine, ticket) == (one != NULL));
    require_wiped(engine);
    if (one) memset(one, 0, sizeof *one);
    return one != NULL;
}

static void fuzz(unsigned long operations) {
    bcrypt_engine *engine = bcrypt_engine_new();
    expectation expected[BCRYPT_LANES];
    unsigned long added = 0, done = 0, discarded = 0;
    uint64_t ticket = 0;
    memset(expected, 0, sizeof expected);
    for (unsigned long i = 0; i < operations; i++) {
        switch (chance(8)) {
            case 0: case 1: case 2: case 3: {
                bcrypt_job job = random_job(++ticket);
                added += (unsigned long)add(engine, &job, expected);
                break;
            }
            case 4: discarded += (unsigned long)discard(engine, chance(2) ? ticket - chance(6) : chance(9), expected); break;
            default: done += step(engine, chance(16) ? chance(20) : UINT32_MAX - chance(2), expected);
        }
        if (!chance(64)) { /* an engine that is freed at work leaves nothing either */
            bcrypt_engine_free(engine);
            engine = bcrypt_engine_new();
            memset(expected, 0, sizeof expected);
        }
    }
    finish(engine, expected);
    bcrypt_engine_free(engine);
    printf("%lu added, %lu compared, %lu discarded, %lu engines wiped\n", added, done, discarded, freed);
}

static size_t from_hex(const char *text, uint8_t *bytes, size_t most) {
    size_t length = 0;
    unsigned byte;
    while (length < most && sscanf(text + 2 * length, "%2x", &byte) == 1) bytes[length++] = (uint8_t)byte;
    return length;
}

static void vectors(void) {
    bcrypt_engine *engine = bcrypt_engine_new();
    expectation expected[BCRYPT_LANES];
    char salt[64], key[200], digest[64];
    unsigned cost, width = 1;
    uint64_t ticket = 0;
    memset(expected, 0, sizeof expected);
    while (scanf("%u %63s %199s %63s", &cost, salt, key, digest) == 4) {
        while (bcrypt_engine_live(engine) >= width) step(engine, 1 + chance(BCRYPT_MAX_STEP), expected);
        unsigned place = 0;
        while (expected[place].job.cost) place++;
        bcrypt_job *job = &expected[place].job;
        job->ticket = ++ticket;
        job->cost = cost;
        job->key_length = (uint32_t)from_hex(key, job->key, sizeof job->key);
        REQUIRE(from_hex(salt, job->salt, sizeof job->salt) == BCRYPT_SALT_BYTES);
        REQUIRE(from_hex(digest, expected[place].digest, BCRYPT_DIGEST_BYTES) == BCRYPT_DIGEST_BYTES);
        REQUIRE(bcrypt_engine_add(engine, job) == BCRYPT_OK);
        width = 1 + chance(BCRYPT_LANES);
    }
    finish(engine, expected);
    bcrypt_engine_free(engine);
    printf("%llu compared, %lu engines wiped\n", (unsigned long long)ticket, freed);
}

int main(int count, char **words) {
    state = 0x9e3779b97f4a7c15u ^ (count > 2 ? strtoull(words[2], NULL, 10) : 0);
    if (count == 4 && !strcmp(words[1], "fuzz")) fuzz(strtoul(words[3], NULL, 10));
    else if (count == 2 && !strcmp(words[1], "vectors")) vectors();
    else return fprintf(stderr, "usage: driver vectors | driver fuzz SEED OPERATIONS\n"), 2;
    return 0;
}
