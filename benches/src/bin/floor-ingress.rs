//! The floor's ingress as a program.

fn main() -> anyhow::Result<()> {
    benches::floor::ingress::main()
}
