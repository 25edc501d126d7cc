/* SAM on x^4/4 - xy + y^2/2 for many runs, as fast as plain C goes: blocks of runs are held close
   to the arithmetic for all steps, and the compiler vectorises over the runs of a block. */
#include <math.h>

enum { BLOCK = 64 };

void advance(long runs, long steps, double rho, const double *eta, double *x, double *y)
{
    #pragma omp parallel for schedule(dynamic, 8)
    for (long begin = 0; begin < runs; begin += BLOCK) {
        long n = runs - begin < BLOCK ? runs - begin : BLOCK;
        double u[BLOCK] = {0}, v[BLOCK] = {0}, h[BLOCK] = {0};
        for (long i = 0; i < n; i++) {
            u[i] = x[begin + i];
            v[i] = y[begin + i];
            h[i] = eta[begin + i];
        }
        for (long t = 0; t < steps; t++) {
            #pragma omp simd
            for (long i = 0; i < BLOCK; i++) {
                double gx = u[i] * u[i] * u[i] - v[i], gy = v[i] - u[i];
                double square = gx * gx + gy * gy;
                /* The unit vector of zero is zero. */
                double scale = square > 0 ? rho / sqrt(square > 0 ? square : 1) : 0;
                double a = u[i] + scale * gx, b = v[i] + scale * gy;
                u[i] -= h[i] * (a * a * a - b);
                v[i] -= h[i] * (b - a);
            }
        }
        for (long i = 0; i < n; i++) {
            x[begin + i] = u[i];
            y[begin + i] = v[i];
        }
    }
}
