# SPDX-License-Identifier: GPL-2.0
"""Tables of figures, as plain text."""

import math

NAMES = {
    "stock": "stock path",
    "volley": "Volley, nothing held",
    "window10": "Volley, window 10 us",
    "window50": "Volley, window 50 us",
    "window200": "Volley, window 200 us",
    "adaptive": "Volley, adaptive",
    "disabled": "Volley, enabled 0",
    "gicv4": "GICv4 direct injection",
    "floor": "taken and ended only",
}

# What delivery was measured under.
DELIVERY = {
    "delivery": "real concurrency",
    "delivery_exact": "exact time",
    "delivery_same": "received on the vCPU's own CPU, real concurrency",
    "delivery_same_exact": "received on the vCPU's own CPU, exact time",
}
# What was, with the digits that are shown. Where interrupts throw the vCPU out without a
# kick, refills cannot be told.
DELIVERED = (
    ("exits", "Guest exits per interrupt", 2),
    ("kicks", "Kicks per interrupt", 2),
    ("refills", "Exits that no kick asked for (refills) per interrupt", 2),
    ("host_instructions", "Host's instructions on the vCPU's CPU per interrupt", 0),
    ("guest_share", "Guest's share of the instructions of the vCPU's CPU", 3),
)

# What a function's instructions go to, on Volley's way; all of them that are there now.
PARTS = {
    "exception, and which IRQ it is": (
        "vectors", "el0t_64_irq", "el0t_64_irq_handler", "__el0_irq_handler_common",
        "el0_interrupt", "do_interrupt_handler", "call_on_irq_stack", "irq_enter_rcu",
        "irq_exit_rcu", "__irq_exit_rcu", "idle_cpu", "ret_to_user", "gic_handle_irq",
        "generic_handle_domain_irq", "__irq_resolve_mapping", "__radix_tree_lookup",
        "radix_tree_lookup", "handle_irq_desc"),
    "flow handler": ("volley_main::host::flow::handle[volley]",),
    "KVM's lookup of the translation": ("xa_load", "xas_load", "xas_start"),
    "the message to be looked up": ("volley_irqfd_msi[volley]",),
    "the vCPU's list": ("<volley_main::kvm::vgic::ApList>::queue[volley]",),
    "counting": (
        "<volley_main::volley::Entry>::queued[volley]", "volley_irq_account[volley]",
        "rust_helper_atomic64_add"),
    "locks and references": (
        "_raw_spin_lock", "_raw_spin_unlock", "__srcu_read_lock", "__srcu_read_unlock",
        "volley_kvm_irq_srcu_read_lock[volley]", "volley_kvm_irq_srcu_read_unlock[volley]",
        "volley_refcount_inc_not_zero[volley]"),
    "kick": (
        "volley_vcpu_kick_guest[volley]", "volley_vcpu_test_and_set_irq_pending[volley]",
        "arch_smp_send_reschedule", "arm64_send_ipi", "smp_cross_call", "__ipi_send_mask",
        "gic_ipi_send_mask", "_find_next_bit", "cpu_logical_map"),
    "veneers": ("calls_into_the_kernel(veneers)[volley]",),
}


def shown(number, digits=0):
    """A number for a table; "-" if there is none."""
    return "-" if number is None else f"{number:.{digits}f}"


def table(title, heads, rows):
    """A table: a title over the first column, right-aligned others."""
    width = max([8, *(len(head) for head in heads)]) + 2
    first = max([len(title), *(len(row[0]) for row in rows)]) + 2
    lines = [title.ljust(first) + "".join(head.rjust(width) for head in heads)]
    lines += [row[0].ljust(first) + "".join(cell.rjust(width) for cell in row[1:]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def by_path(figures, family, name, key, title, digits=0, **of):
    """One row for each path, one column for each word of a condition."""
    words = [w for w in figures.words(family, key)
             if any(f["of"].get(key) == w and of.items() <= f["of"].items()
                    for f in figures.family(family))]
    rows = []
    for path in figures.paths(family):
        cells = [figures.get(family, path, name, **{**of, key: word}) for word in words]
        if any(cell is not None for cell in cells):
            rows.append([NAMES.get(path, path), *(shown(cell, digits) for cell in cells)])
    return table(title, words, rows) if rows else ""


def beside(of):
    """What there is beside an interrupt, or how much is attached."""
    return f"{of['vms']} VMs of {of['vcpus']} vCPUs, {of['sources']} sources"


def memory_of_each(figures):
    """Rows with the memory of a source, and of a VM with so many vCPUs."""
    kb = {(int(f["of"]["vms"]), int(f["of"]["vcpus"]), int(f["of"]["sources"])): f["values"]["kb"]
          for f in figures.family("memory")}
    alone = sorted((sources, number) for (vms, _, sources), number in kb.items() if vms == 1)
    if len(alone) < 2:
        return
    (few, least), (many, most) = alone[0], alone[-1]
    yield ["each source", shown((most - least) / (many - few), 1)]
    largest = max(vms for vms, _, _ in kb)
    for (vms, vcpus, sources), number in kb.items():
        if vms == largest > 1 and sources == many:
            yield [f"each VM of {vcpus} vCPUs", shown((number - most) / (vms - 1), 1)]


def add_scale(figures, found):
    """Tables of what many sources and many VMs cost."""
    rows = [[f"{NAMES[f['path']]}, {beside(f['of'])}", f["of"]["burst"],
             shown(f["values"]["instructions"], 1)] for f in figures.family("scale")]
    if rows:
        found.append(("Receiving beside many", table("", ["burst of", "instr."], rows)))
    rows = [[f"{NAMES[f['path']]}, {beside(f['of'])}",
             shown(f["values"]["attach_us"], 1), shown(f["values"]["detach_us"], 1)]
            for f in figures.family("attach")]
    if rows:
        found.append(("Virtual microseconds for each source, KVM's own included",
                      table("", ["attach", "detach"], rows)))
    rows = [[beside(f["of"]), shown(f["values"]["kb"])] for f in figures.family("memory")]
    if rows:
        found.append(("Memory that the module takes for all of them, in kB",
                      table("", ["kB"], rows)))
    rows = list(memory_of_each(figures))
    if rows:
        found.append(("Of that, in kB", table("", ["kB"], rows)))


def all_tables(figures):
    """What scripts/bench prints: pairs of a heading and a table."""
    found = []

    def add(heading, *arguments, **of):
        text = by_path(figures, *arguments, **of)
        if text:
            found.append((heading, text))

    for cpu, text in (("other", "another than the vCPU's"), ("same", "the vCPU's own")):
        add(f"Instructions per interrupt on the CPU that receives it, {text}",
            "receive", "instructions", "burst", "in a burst", cpu=cpu)
        add(f"The mean of all bursts instead of their median, {text}",
            "receive", "mean", "burst", "in a burst", cpu=cpu)
    for family, what in DELIVERY.items():
        for name, text, digits in DELIVERED:
            add(f"{text}, {what}", family, name, "load", "offered load", digits)
    for name, text in (("irqs", "Interrupts"), ("taken", "Interrupts that the guest takes"),
                       ("exits", "Guest exits"), ("kicks", "Kicks")):
        add(f"{text} per event of a device that coalesces", "coalesced", name, "device_us",
            "every so many us", 3)
    for load in figures.words("latency", "load"):
        rows = []
        for path in figures.paths("latency"):
            spacing = figures.words("latency", "spacing_us")
            for us in spacing:
                cells = [figures.get("latency", path, name, load=load, spacing_us=us)
                         for name in ("median_ns", "p99_ns", "p999_ns", "max_ns")]
                if cells[0] is not None:
                    rows.append([NAMES.get(path, path), *(shown(cell) for cell in cells)])
        found.append((f"Latency in virtual nanoseconds, {load} load",
                      table("", ["median", "99%", "99.9%", "largest"], rows)))
    for name, text in (("median_ns", "Median"), ("p99_ns", "99%"), ("max_ns", "Largest")):
        add(f"{text} latency of a quiet VM in virtual nanoseconds", "noisy", name, "neighbour",
            "its neighbour is")
    add_scale(figures, found)
    add("Who does not use it: instructions", "unused", "instructions", "what", "")
    return found


def where(figures, burst, most=24):
    """The functions that execute most for Volley, beside the stock path's."""
    ours = {f["of"]["function"]: f["values"]["instructions"] for f in figures.family("where")
            if f["path"] == "volley" and f["of"]["burst"] == burst}
    stock = {f["of"]["function"]: f["values"]["instructions"] for f in figures.family("where")
             if f["path"] == "stock" and f["of"]["burst"] == burst}
    names = sorted(set(ours) | set(stock), key=lambda name: (-ours.get(name, 0), name))
    rows = [["all", f"{sum(ours.values()):.0f}", f"{sum(stock.values()):.0f}"]]
    rows += [[name, shown(ours.get(name), 1), shown(stock.get(name), 1)]
             for name in names[:most]]
    rest = names[most:]
    rows.append([f"{len(rest)} others", f"{sum(ours.get(name, 0) for name in rest):.1f}",
                 f"{sum(stock.get(name, 0) for name in rest):.1f}"])
    return table(f"bursts of {burst}", ["Volley", "stock"], rows)


def parts(figures):
    """What the instructions of Volley's way go to; None if they were not traced."""
    bursts = figures.words("where", "burst")
    counts = [{f["of"]["function"]: f["values"]["instructions"] for f in figures.family("where")
               if f["path"] == "volley" and f["of"]["burst"] == burst} for burst in bursts]
    if not any(counts):
        return None
    known = {name for names in PARTS.values() for name in names}
    rows = [(part, [math.fsum(of.get(name, 0) for name in names) for of in counts])
            for part, names in PARTS.items()]
    rows.append(("others", [math.fsum(n for name, n in of.items() if name not in known)
                            for of in counts]))
    rows.append(("all", [math.fsum(of.values()) for of in counts]))
    return table("in a burst", bursts,
                 [[part, *(shown(number, 1) for number in numbers)] for part, numbers in rows])


def print_all(figures):
    """Prints them."""
    found = all_tables(figures)
    found += [("Instructions per interrupt by function, receiving CPU", where(figures, burst))
              for burst in figures.words("where", "burst")]
    for heading, text in found:
        print(heading)
        print("\n".join("  " + line for line in text.splitlines()))
        print()
