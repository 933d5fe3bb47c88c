"""Run a cluster of Dask or Ray in a process of its own until its input ends, for tests of whoever joins it.

    python tests/helpers/clusters.py dask      # two workers
    python tests/helpers/clusters.py ray       # three nodes of one core; a line on its input removes one of them

Writes its address.
"""

import sys


def dask() -> None:
    """Run two workers."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


def ray() -> None:
    """Run three nodes; each line that comes in is the process id of a worker, whose node is removed."""
    import psutil
    from ray.cluster_utils import Cluster

    store = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**store, "num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(**store) for _ in range(3)]
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        raylet = psutil.Process(int(line)).ppid()
        (node,) = (
            node for node in nodes if raylet in [process.process.pid for process in node.all_processes["raylet"]]
        )
        cluster.remove_node(node, allow_graceful=False)
        print("removed", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    {"dask": dask, "ray": ray}[sys.argv[1]]()
