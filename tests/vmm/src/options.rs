// SPDX-License-Identifier: GPL-2.0

//! The command line.

use crate::{
    Context,
    Result, //
};
use std::{
    fmt::Display,
    path::PathBuf,
    str::FromStr, //
};

/// What `--help` prints.
pub const HELP: &str = "\
volley-test-vmm: runs Linux for arm64 under KVM, with a console (ttyS0) and one
assigned PCI device, until the guest turns itself off.

Usage: volley-test-vmm --kernel FILE --device ADDRESS [OPTION...]

--kernel FILE\t\tthe kernel, an uncompressed Image
--device ADDRESS\ta device that vfio-pci has, such as 0000:00:01.0
--initrd FILE\t\tits initramfs
--append TEXT\t\tadd this to its command line, which is console=ttyS0
--cpus N\t\tnumber of vCPUs, 1 to 8 (default 2)
--memory MEGABYTES\tits memory, 256 to 4096 (default 256)

The console is stdin and stdout.
";

/// What it was told to do.
pub struct Options {
    pub kernel: PathBuf,
    pub initrd: Option<PathBuf>,
    pub command_line: String,
    pub device: String,
    pub cpus: u8,
    /// In MiB.
    pub memory: u64,
}

/// A number in a range.
fn number<T: Display + FromStr + PartialOrd>(
    name: &str,
    value: &str,
    least: T,
    most: T,
) -> Result<T> {
    value
        .parse()
        .ok()
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("{name}: not a number from {least} to {most}: {value}"))
}

impl Options {
    /// Reads them; `None` means that help is wanted.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let (mut kernel, mut device) = (None, None);
        let mut options = Options {
            kernel: PathBuf::new(),
            initrd: None,
            command_line: String::from("console=ttyS0"),
            device: String::new(),
            cpus: 2,
            memory: 256,
        };

        while let Some(name) = arguments.next() {
            if name == "-h" || name == "--help" {
                return Ok(None);
            }
            let value = arguments.next();
            let value = value
                .ok_or("it needs a value, or is unknown")
                .context(&name)?;
            match name.as_str() {
                "--kernel" => kernel = Some(value.into()),
                "--device" => device = Some(value),
                "--initrd" => options.initrd = Some(value.into()),
                "--append" => {
                    options.command_line.push(' ');
                    options.command_line.push_str(&value);
                }
                "--cpus" => options.cpus = number(&name, &value, 1, 8)?,
                "--memory" => options.memory = number(&name, &value, 256, 4096)?,
                _ => return Err(format!("unknown argument: {name}")),
            }
        }
        options.kernel = kernel.ok_or("--kernel is missing")?;
        options.device = device.ok_or("--device is missing")?;
        Ok(Some(options))
    }
}
