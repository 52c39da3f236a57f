"""Batch processing of many images on a dask cluster."""

from napari_isr.batch.config import BatchItem, BatchSettings
from napari_isr.batch.scheduler import BatchResult, run_batch

__all__ = ["BatchItem", "BatchResult", "BatchSettings", "run_batch"]
