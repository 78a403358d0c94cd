UPDATE tasks SET progress_note = ? WHERE id = ?
