# SPDX-License-Identifier: GPL-2.0
"""VMs and interrupts as lines of a table that is 79 columns wide."""

from .data import COUNTERS, clean, natural

# What is shown in which column: key, title, width. Those of counters are per
# second, or whole numbers if there is no interval to count in.
COLUMNS = {
    "vms": (("vm", "VM", 13), ("received", "RECV", 6), ("forwarded", "FORW", 6), ("merged", "MERG", 6),
            ("kicks_per_interrupt", "K/INT", 5), ("mean_volley", "VOLLEY", 6), ("kicks_held", "HELD", 6),
            ("mean_held_usecs", "HOLD", 5), ("kicks_saved", "SAVED", 7), ("max_usecs", "USECS", 5),
            ("max_irqs", "IRQS", 4)),
    "irqs": (("irq", "IRQ", 6), ("vcpu", "VCPU", 4), ("intid", "INTID", 8), ("handler", "HANDLER", 8),
             ("urgent", "U", 1), ("received", "RECV", 8), ("forwarded", "FORW", 8), ("merged", "MERGED", 8),
             ("to_host", "TOHOST", 8), ("total", "IN ALL", 11)),
}


def rows(result, kind, vm=None):
    """What the table has to show: per line the values by their columns' keys."""
    table = []
    for name, entry in result[kind].items():
        if vm is None or entry["vm"] == vm:
            row = dict(entry["counters"] if result["interval"] is None else entry["rates"])
            row.update((key, entry[key]) for key, _, _ in COLUMNS[kind] if key in entry)
            row.update({kind[:-1]: name, "total": entry["counters"]["received"]})
            if entry.get("enabled") == 0:
                row["max_usecs"] = "off"
            row["adaptive"] = entry.get("adaptive")
            table.append(row)
    return table


def sort(table, key, reverse=False):
    """Names from the first, numbers from the largest on; last what there is no value of."""
    def weight(value):
        return (natural(value), 0) if isinstance(value, str) else ([], -value)
    known = [row for row in table if row[key] is not None]
    return sorted(known, key=lambda row: weight(row[key]), reverse=reverse) + \
        [row for row in table if row[key] is None]


def cell(key, value, width):
    """A value in its column."""
    if value is None:
        text = "-"
    elif isinstance(value, str):
        text = clean(value)
    elif key in ("kicks_per_interrupt", "mean_volley"):
        text = f"{value:.2f}" if value < 100 else f"{value:.0f}"
    else:
        text = f"{value:.1f}" if isinstance(value, float) and 0 < value < 10 else f"{value:.0f}"
        for unit in "kMGTPE":
            if len(text) <= width:
                break
            value /= 1000
            text = f"{value:.1f}{unit}"
            if len(text) > width:
                text = f"{value:.0f}{unit}"
    text = text[:width]
    return text.ljust(width) if key in ("vm", "handler") else text.rjust(width)


def header(result, kind):
    per = "" if result["interval"] is None else "/s"
    titles = [(key, title + per * (key in COUNTERS[kind]), width) for key, title, width in COLUMNS[kind]]
    return " ".join(t.ljust(w) if key in ("vm", "handler") else t.rjust(w) for key, t, w in titles)


def line(row, kind):
    texts = {key: cell(key, row[key], width) for key, _, width in COLUMNS[kind]}
    if row["adaptive"] and row["max_usecs"] not in (None, "off", 0):
        texts["max_usecs"] = ("~" + cell("max_usecs", row["max_usecs"], 4).strip()).rjust(5)
    return " ".join(texts.values())


def details(result, vm):
    """What a VM's arrivals and kicks came to, in lines as wide as the table: reasons, and the sizes of buckets."""
    entry, per = result["vms"][vm], "" if result["interval"] is None else "_rates"
    lines = []
    for part, key, title in (("reasons", "kicks_sent", "sent"), ("reasons", "kicks_saved", "saved"),
                             ("reasons", "to_host", "to host"), ("histograms", "volley_sizes", "volleys of"),
                             ("histograms", "held_usecs", "held usecs")):
        numbers = entry[part[:-1] + per if per else part].get(key)
        some = [f"{clean(of)}{'+' * (part == 'histograms')} {cell('', count, 6).strip()}"
                for of, count in numbers.items() if count]
        text = ", ".join(some) or ("none" if numbers else "-")
        lines.append(f"{title + '/s' * bool(per) + ':':14}{text}"[:79])
    return lines


def summary(result):
    return f"VMs: {len(result['vms'])}, interrupts: {len(result['irqs'])}, " \
        f"list registers: {cell('', result['list_registers'], 1)}"
