//! Memory asked for ahead of its use.

/// Asks for values to be brought from memory to the cache; they will be read soon.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(64) {
        // SAFETY: a prefetch reads nothing that the program can see, and the address lies within `values`.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                values.as_ptr().cast::<i8>().add(line),
            );
        }
    }
}
