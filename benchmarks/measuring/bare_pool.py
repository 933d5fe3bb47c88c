"""Answer photos in a bare pool of threads: what the cores can do at most, without a walk and without a table.

    python -m benchmarks.measuring.bare_pool FOLDER EXPORT

Prints the seconds and the seconds of CPU from the first photo to the last, as JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from classifier import Classifier
from classifier.cpu_count import cores
from classifier.photo_files import photos_in


def main(folder: str, export: str) -> None:
    """Decode and answer all photos of a folder, and print what that took."""
    photos, classifier = [path for path, *_ in photos_in(folder)], Classifier.load(export)
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(classifier.predict, photos):
            pass
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
