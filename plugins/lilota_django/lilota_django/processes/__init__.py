"""What a Django project needs in the processes of lilota: to be loaded, its log, its connections, new code."""
