# What FineCLIPER sees beside the frames, of any set: face maps, which tools/data/extract_faces.py makes, and captions,
# which tools/data/caption_clips.py writes. load_config puts the steps behind the crops of each pipeline, since maps
# follow them, and the keys into what is packed; a config leaves one out by None.
beside_frames = dict(
    maps=dict(
        steps=[dict(type='LoadFaceMaps', what=('parsing', 'landmarks'))],
        algorithm_keys=('parsing_maps', 'landmark_maps', 'has_face_maps')),
    captions=dict(steps=[dict(type='LoadCaption')], meta_keys=('caption', )))
