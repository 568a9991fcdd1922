"""What the benchmarks share: fresh drops, what a run costs, facts of the machine."""
