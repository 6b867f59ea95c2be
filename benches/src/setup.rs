//! Builds what is measured: the functions, the floor, the peers. This alone reaches a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::candidates::{Places, Stack};

/// Builds what is not there or not current, of the peers those that are asked for.
///
/// # Errors
///
/// When a tool is missing or fails.
pub fn run(root: &Path, places: &Places, stacks: &[Stack]) -> Result<()> {
    for packages in [["ingress"], ["consumer"], ["switchhook"], ["benches"]] {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--locked", "--package"]);
        called(cargo.args(packages).current_dir(root))?;
    }
    let peers = root.join("benches/peers");
    for stack in stacks {
        let (from, to) = (peers.join(stack.name()), places.work.join(stack.name()));
        match stack {
            Stack::Node => node(&from, &to)?,
            Stack::Python => python(&from, &to)?,
            Stack::Switchhook | Stack::Floor => {}
        }
    }
    Ok(())
}

fn node(from: &Path, to: &Path) -> Result<()> {
    copy(from, to)?;
    if !to.join("node_modules").is_dir() {
        called(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(to),
        )?;
    }
    called(
        Command::new("npm")
            .args(["run", "--silent", "build"])
            .current_dir(to),
    )
}

fn python(from: &Path, to: &Path) -> Result<()> {
    copy(from, to)?;
    let venv = to.join("venv");
    if !venv.is_dir() {
        called(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = venv.join("bin/pip");
        let flags = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ];
        called(
            Command::new(pip)
                .args(flags)
                .arg(to.join("requirements.txt")),
        )?;
    }
    // Lambda's own runtime has its bytecode at hand.
    let compile = ["-m", "compileall", "-q"];
    called(Command::new(venv.join("bin/python3")).args(compile).arg(to))
}

/// Copies a folder's files.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn called(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| shown.clone())?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(())
}
