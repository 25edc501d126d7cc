/* Each map as one would write it in C for speed: blocks of runs are held close to the arithmetic
   for all steps, the compiler vectorises over the runs of a block, and OpenMP deals the blocks out
   to the cores. A block of 128 is as fast as any here; of 32 and less, slower.

   In a map's body, (u, v) is the point, h its learning rate and rho the radius of the ascent. */
#include <math.h>

enum { BLOCK = 128 };

/* a/√b, and 0 for b = 0: the unit vector of zero is zero. The inner condition is for speed: the
   division can then be done in every lane. */
static inline double over_root(double a, double b) { return b > 0 ? a / sqrt(b > 0 ? b : 1) : 0; }

#define LOOP(name, ...)                                                                            \
    void name(long runs, long steps, double rho, const double *eta, double *x, double *y)          \
    {                                                                                              \
        _Pragma("omp parallel for schedule(dynamic, 8)")                                           \
        for (long begin = 0; begin < runs; begin += BLOCK) {                                       \
            long n = runs - begin < BLOCK ? runs - begin : BLOCK;                                  \
            double us[BLOCK] = {0}, vs[BLOCK] = {0}, hs[BLOCK] = {0};                              \
            for (long i = 0; i < n; i++) {                                                         \
                us[i] = x[begin + i];                                                              \
                vs[i] = y[begin + i];                                                              \
                hs[i] = eta[begin + i];                                                            \
            }                                                                                      \
            for (long t = 0; t < steps; t++) {                                                     \
                _Pragma("omp simd")                                                                \
                for (long i = 0; i < BLOCK; i++) {                                                 \
                    double u = us[i], v = vs[i], h = hs[i];                                        \
                    __VA_ARGS__                                                                    \
                    us[i] = u;                                                                     \
                    vs[i] = v;                                                                     \
                }                                                                                  \
            }                                                                                      \
            for (long i = 0; i < n; i++) {                                                         \
                x[begin + i] = us[i];                                                              \
                y[begin + i] = vs[i];                                                              \
            }                                                                                      \
        }                                                                                          \
    }

/* The saddle, u⁴/4 − uv + v²/2. */

LOOP(gd_saddle,
    double gu = u * u * u - v, gv = v - u;
    (void)rho;
    u -= h * gu;
    v -= h * gv;
)

LOOP(sam_saddle,
    double gu = u * u * u - v, gv = v - u;
    double scale = over_root(rho, gu * gu + gv * gv);
    double a = u + scale * gu, b = v + scale * gv;
    u -= h * (a * a * a - b);
    v -= h * (b - a);
)

LOOP(usam_saddle,
    double gu = u * u * u - v, gv = v - u;
    double a = u + rho * gu, b = v + rho * gv;
    u -= h * (a * a * a - b);
    v -= h * (b - a);
)

LOOP(stablesam_saddle,
    double gu = u * u * u - v, gv = v - u;
    double square = gu * gu + gv * gv;
    double scale = over_root(rho, square);
    double a = u + scale * gu, b = v + scale * gv;
    double du = a * a * a - b, dv = b - a;
    double pace = h * over_root(sqrt(square), du * du + dv * dv);
    u -= pace * du;
    v -= pace * dv;
)

/* The linear neuron, √(1 + s²) − 1 at s = uv, whose slope is s/√(1 + s²). */

LOOP(sam_linearneuron,
    double s = u * v;
    double slope = s / sqrt(1 + s * s);
    double gu = slope * v, gv = slope * u;
    double scale = over_root(rho, gu * gu + gv * gv);
    double a = u + scale * gu, b = v + scale * gv;
    double p = a * b;
    double pace = h * (p / sqrt(1 + p * p));
    u -= pace * b;
    v -= pace * a;
)
