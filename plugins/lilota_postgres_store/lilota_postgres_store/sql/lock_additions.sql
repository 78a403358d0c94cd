-- Nobody adds while tasks with ids of their own come in, or an id could be given twice.
LOCK TABLE {tasks}, {bundles} IN SHARE ROW EXCLUSIVE MODE
