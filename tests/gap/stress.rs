//! What many connections leave behind: nothing.

use std::process::Command;
use std::time::{Duration, Instant};

use dongle_tests::bench::{soon, until};
use dongle_virtual::ControllerConfig;

use crate::{World, nobody};

/// Whether this process runs one test alone, for what is measured is that of a process. Otherwise it
/// has one run that does, and `test` has passed there.
fn alone(test: &str) -> bool {
    const ALONE: &str = "DONGLE_STRESS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--nocapture", &format!("stress::{test}")]);
    let output = child.env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
    print!("{said}");
    false
}

/// Memory of this process that is really there, in KiB.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn cycle(world: &World, device: &dongle::Device, cycles: usize) {
    for cycle in 0..cycles {
        let connection = soon(device.connect()).unwrap_or_else(|e| panic!("cycle {cycle}: {e}"));
        match cycle % 3 {
            0 => _ = soon(connection.disconnect()),
            1 => drop(connection),
            _ => {
                assert_eq!(soon(connection.exchange_mtu(247)).unwrap(), 247);
                soon(connection.disconnect());
            }
        }
    }
    soon(world.links(0));
}

#[test]
fn five_hundred_connections_leave_nothing_behind() {
    if !alone("five_hundred_connections_leave_nothing_behind") {
        return;
    }
    for config in [ControllerConfig::default(), ControllerConfig::zephyr_uart()] {
        let world = World::with(config);
        let (_peer, address) = world.peer(1);
        let device = world.dongle.device(address);
        let begun = Instant::now();
        cycle(&world, &device, 100);
        let before = resident();
        cycle(&world, &device, 400);
        println!("500 cycles in {:?}", begun.elapsed());
        if let (Some(before), Some(after)) = (before, resident()) {
            println!("{before} KiB after 100 cycles, {after} KiB after 500");
            assert!(after < before + 20 * 1024, "{before} KiB, then {after} KiB");
        }
        // Every place can be taken again, to the last.
        let peers: Vec<_> = (10..26).map(|number| world.peer(number)).collect();
        let mut connections = Vec::new();
        for (_, address) in &peers {
            connections.push(soon(world.dongle.device(*address).connect()).unwrap());
        }
        assert_eq!(world.controller.links().len(), 16);
        drop(connections);
        soon(world.links(0));
        assert_eq!(world.air.violations(), 0);
    }
}

#[test]
fn thousands_of_waits_cost_no_processor_time() {
    if !alone("thousands_of_waits_cost_no_processor_time") {
        return;
    }
    let world = World::new();
    let scans: Vec<_> = (0..300)
        .map(|_| {
            world
                .dongle
                .scan()
                .duration(Duration::from_secs(100))
                .start()
                .unwrap()
        })
        .collect();
    drop(scans);
    let mut waiting: Vec<_> = (0..500)
        .map(|number| {
            let timeout = Duration::from_secs(10 + u64::from(number));
            world
                .dongle
                .device(nobody(number))
                .connect()
                .timeout(timeout)
                .into_future()
        })
        .collect();
    soon(async {
        for connect in &mut waiting {
            assert!(futures_lite::future::poll_once(connect).await.is_none());
        }
    });
    drop(waiting);
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    // What there is to do about them is done before this.
    soon(connection.rssi()).unwrap();
    let before = host_thread();
    std::thread::sleep(Duration::from_secs(1));
    if let (Some(before), Some(after)) = (before, host_thread()) {
        let busy = after - before;
        assert!(busy < Duration::from_millis(300), "{busy:?} in a second");
    }
    drop(connection);
    soon(until("the end", || world.controller.links().is_empty()));
}

/// The processor time that the host thread of this process has used.
fn host_thread() -> Option<Duration> {
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else {
            continue;
        };
        let Some((head, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<_> = fields.split_whitespace().collect();
        if let (true, [user, system]) = (head.ends_with("(dongle-host"), &fields[11..13]) {
            let ticks: u64 = user.parse::<u64>().unwrap() + system.parse::<u64>().unwrap();
            return Some(Duration::from_millis(ticks * 10));
        }
    }
    None
}
