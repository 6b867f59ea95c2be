//! The floor's consumer as a program.

fn main() -> anyhow::Result<()> {
    benches::floor::consumer::main()
}
