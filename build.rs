//! Writes the path of libtorch into binaries, tests and benchmarks, so that they run with no environment variable set.
//! Shared by all crates that use libtorch: link arguments do not pass from a library to what links it.

fn main() {
    // torch-sys hands this over through Cargo's `links` metadata.
    if let Ok(directory) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
    // Not `rerun-if-changed`: the path would be relative to each crate, and a missing file makes every build start anew.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
}
