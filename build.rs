//! Writes the path of libtorch into the `sim` binary, so that it runs with no environment variable set.

fn main() {
    // torch-sys hands this over through Cargo's `links` metadata.
    if let Ok(directory) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
