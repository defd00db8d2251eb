"""The routes of `/v1`, one file per noun. Each only translates between HTTP and the parts that do the work."""
