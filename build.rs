//! Tells the program what it was built for; `pharos --version` says so.
#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=PHAROS_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
