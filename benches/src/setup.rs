//! Builds what is measured: the functions, the floor, the peers. This alone reaches a network.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::candidates::{Places, Stack, UPLOAD};

/// Builds what is not there or not current, of the peers those that are asked for.
///
/// # Errors
///
/// When a tool is missing or fails.
pub fn run(root: &Path, places: &Places, stacks: &[Stack]) -> Result<()> {
    for packages in [["ingress"], ["consumer"], ["switchhook"], ["benches"]] {
        let mut cargo = cargo();
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

/// Calls cargo as a shell would. What `cargo run` tells this program of its own package would have
/// dependencies built again whose build scripts ask for that.
fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    let told = std::env::vars_os().map(|(name, _)| name);
    let own = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    for name in told.filter(own) {
        cargo.env_remove(name);
    }
    cargo
}

fn node(from: &Path, to: &Path) -> Result<()> {
    let version = version("node", "v20.")?;
    copy(from, to)?;
    let lock = fs::read_to_string(to.join("package-lock.json"))?;
    // `npm ci` removes the folder first.
    once(&to.join("node_modules/.stamp"), &(version + &lock), || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]);
        called(npm.current_dir(to))
    })?;
    called(
        Command::new("npm")
            .args(["run", "--silent", "build"])
            .current_dir(to),
    )
}

fn python(from: &Path, to: &Path) -> Result<()> {
    let version = version("python3", "Python 3.11.")?;
    copy(from, to)?;
    let venv = to.join("venv");
    let requirements = fs::read_to_string(to.join("requirements.txt"))?;
    once(&venv.join(".stamp"), &(version + &requirements), || {
        let mut python = Command::new("python3");
        called(python.args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"])
            .arg("--target")
            .arg(to.join(UPLOAD));
        called(pip.arg("--requirement").arg(to.join("requirements.txt")))
    })?;
    // Lambda's own runtime has its bytecode at hand.
    let compile = ["-m", "compileall", "-q"];
    called(Command::new(venv.join("bin/python3")).args(compile).arg(to))
}

/// Returns what a program says of its version, which must begin so.
fn version(program: &str, wanted: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("{program} is missing"))?;
    let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        told.starts_with(wanted),
        "{program} says {told:?}; the peers are measured with {wanted}x"
    );
    Ok(told)
}

/// Does something where it has not yet succeeded for this text.
fn once(stamp: &Path, text: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if stamp.is_file() {
        if fs::read_to_string(stamp)? == text {
            return Ok(());
        }
        fs::remove_file(stamp)?;
    }
    work()?;
    fs::write(stamp, text).with_context(|| stamp.display().to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_or_changed_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = folder.path().join(".stamp");
        let mut done = 0;
        let mut attempt = |text: &str, succeeds: bool| {
            let before = done;
            let outcome = once(&stamp, text, || {
                done += 1;
                ensure!(succeeds, "no network");
                Ok(())
            });
            (outcome.is_ok(), done - before)
        };
        assert_eq!(attempt("a", false), (false, 1));
        assert_eq!(attempt("a", true), (true, 1));
        assert_eq!(attempt("a", true), (true, 0));
        assert_eq!(attempt("b", false), (false, 1));
        assert_eq!(
            attempt("a", true),
            (true, 1),
            "what is there is b's, broken"
        );
    }

    #[test]
    fn a_program_of_another_version_is_refused_by_name() {
        let told = version("rustc", "rustc 0.1.").unwrap_err().to_string();
        assert!(told.starts_with("rustc says \"rustc 1."), "{told}");
        assert!(version("rustc", "rustc 1.").is_ok());
    }
}
