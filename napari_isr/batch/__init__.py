"""Many images: what is to be done, one image's task, the cluster, the summary, the report."""

from napari_isr.batch.config import BatchItem, BatchSettings
from napari_isr.batch.scheduler import BatchResult, run_batch

__all__ = ["BatchItem", "BatchResult", "BatchSettings", "run_batch"]
