"""What can be asked of the worker, one file a subject; each function takes the session and the task, and gives the result."""
